#!/usr/bin/env bash
# Install what the tests of this folder need: chromium, with Debian's tools if it is not
# there, and two packages of npm, beside this file. Exits with 0 and says so where that is
# not possible: the tests are then skipped, each with its reason.
set -uo pipefail
cd "$(dirname "$0")"
if ! command -v chromium chromium-browser google-chrome >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends chromium; } \
      >/dev/null 2>&1 || echo "apt-get could not install chromium: no browser tests"
  else
    echo "no chromium, and no right to install it: no browser tests"
  fi
fi
if command -v npm >/dev/null; then
  npm install --no-package-lock --silent >/dev/null 2>&1 ||
    echo "npm could not install axe-core and playwright-core: no browser tests"
else
  echo "no npm: no browser tests"
fi
