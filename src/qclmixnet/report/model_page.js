"use strict";
// Sorting of tables, as on the other pages of this package.
const collator = new Intl.Collator("en", { numeric: true });
function compare(one, other, sign) {
  if (one === "" || other === "") return (one === "") - (other === "");
  const [x, y] = [Number(one), Number(other)];
  const difference = isNaN(x) || isNaN(y) ? collator.compare(one, other) : x - y;
  return sign * difference;
}
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[head.cellIndex].dataset.sort;
    body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b), sign)));
  });
}
// One tip for all charts: under the pointer, or stepped through with the arrow keys.
const tip = document.getElementById("tip");
function show(mark) {
  for (const other of document.querySelectorAll(".mark.now")) {
    other.classList.remove("now");
  }
  tip.hidden = !mark;
  if (!mark) return;
  mark.classList.add("now");
  tip.textContent = mark.dataset.text;
  const box = mark.getBoundingClientRect();
  const middle = box.left + box.width / 2 - tip.offsetWidth / 2;
  const most = document.documentElement.clientWidth - tip.offsetWidth - 4;
  const above = box.top - tip.offsetHeight - 6;
  tip.style.left = `${scrollX + Math.max(4, Math.min(middle, most))}px`;
  tip.style.top = `${scrollY + (above < 4 ? box.bottom + 6 : above)}px`;
}
for (const chart of document.querySelectorAll(".card")) {
  const marks = [...chart.querySelectorAll(".mark")];
  for (const mark of marks) {
    const title = mark.querySelector("title");
    mark.dataset.text = title.textContent;
    title.remove(); // or the browser would show a second tip
    mark.addEventListener("pointerenter", () => show(mark));
    mark.addEventListener("pointerleave", () => show(null));
  }
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key === "Escape") show(null);
    if (!(event.key in steps) || !marks.length) return;
    event.preventDefault();
    const now = marks.findIndex((mark) => mark.classList.contains("now"));
    const next = now < 0 ? 0 : now + steps[event.key];
    show(marks[Math.max(0, Math.min(next, marks.length - 1))]);
  });
  chart.addEventListener("blur", () => show(null));
}
