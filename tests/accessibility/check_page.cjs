// Opens a page in chromium, in four shapes, and runs axe-core on each.
//   node check_page.cjs CHROMIUM PAGE [PICTURE SCHEME SECTION]
// needs the packages of package.json (make browser). Prints one JSON object: violations of
// axe, what the browser complained of, addresses asked for, and pages wider than their
// window. With PICTURE one screen, from SECTION on, is drawn there and nothing is checked.
"use strict";
const fs = require("fs");
const { chromium } = require("playwright-core");

const [executablePath, page, picture, scheme = "light"] = process.argv.slice(2);
const address = `file://${fs.realpathSync(page)}`;
const shapes = [
  { width: 375, height: 740, colorScheme: "light" },
  { width: 768, height: 900, colorScheme: "dark" },
  { width: 1280, height: 900, colorScheme: "light" },
  { width: 1280, height: 900, colorScheme: "dark" },
];

async function visit(browser, { width, height, colorScheme }, found) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const tab = await context.newPage();
  tab.on("console", (message) => found.complaints.push(message.text()));
  tab.on("pageerror", (error) => found.complaints.push(error.message));
  tab.on("request", (request) => {
    if (request.url() !== address) found.requests.push(request.url());
  });
  await tab.goto(address);
  return tab;
}

async function check(browser, shape, found) {
  const tab = await visit(browser, shape, found);
  const name = `${shape.width} ${shape.colorScheme}`;
  // What is folded up must be good as well.
  await tab.evaluate(() => {
    for (const each of document.querySelectorAll("details")) each.open = true;
  });
  await tab.evaluate(fs.readFileSync(require.resolve("axe-core"), "utf8"));
  const result = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, help, nodes } of result.violations) {
    const where = nodes.slice(0, 3).map((node) => node.target.join(" "));
    const why = nodes[0].failureSummary;
    found.violations.push({ shape: name, id, help, count: nodes.length, where, why });
  }
  const width = await tab.evaluate(() => document.documentElement.scrollWidth);
  if (width > shape.width) found.too_wide.push(`${name}: ${width}`);
  await tab.context().close();
}

// The tip appears under the pointer, and with the arrow keys; sorting turns rows around.
async function use(browser, found) {
  const tab = await visit(browser, shapes[2], found);
  const tip = tab.locator("#tip");
  const card = tab.locator(".card").first();
  await card.focus();
  await tab.keyboard.press("ArrowRight");
  const first = await tip.textContent();
  await tab.keyboard.press("ArrowRight");
  const second = await tip.textContent();
  await tab.keyboard.press("Escape");
  const gone = !(await tip.isVisible());
  await tab.locator(".card .mark").first().hover();
  const hovered = await tip.textContent();
  const cell = tab.locator("#table-classes tbody tr th").first();
  const button = tab.locator("#table-classes thead button").first();
  await button.click();
  const rising = await cell.textContent();
  await button.click();
  const falling = await cell.textContent();
  found.use = { first, second, gone, hovered, rising, falling };
  await tab.context().close();
}

(async () => {
  const found = { violations: [], complaints: [], requests: [], too_wide: [] };
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  if (picture) {
    const shape = { width: 1000, height: 760, colorScheme: scheme };
    const tab = await visit(browser, shape, found);
    await tab.evaluate((selector) => {
      document.querySelector(selector).scrollIntoView({ behavior: "instant" });
    }, process.argv[6] || "body");
    await tab.screenshot({ path: picture });
  } else {
    for (const shape of shapes) await check(browser, shape, found);
    await use(browser, found);
  }
  await browser.close();
  console.log(JSON.stringify(found, null, 1));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
