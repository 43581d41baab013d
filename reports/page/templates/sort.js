"use strict";
// A click on a heading sorts its table: by number where its cells begin with one, else by text.
const number = (text) => {
  const match = text.replace(/\u2212/g, "-").replace(/,/g, "").match(/^[\s<>=[+]*(-?\d*\.?\d+(e[+-]?\d+)?)/i);
  return match ? parseFloat(match[1]) : NaN;
};
const value = (row, column) => row.cells[column] ? row.cells[column].textContent.trim() : "";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const sort = () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const compare = (a, b) => {
        const [x, y] = [value(a, column), value(b, column)], [m, n] = [number(x), number(y)];
        if (!isNaN(m) && !isNaN(n)) return m - n;
        if (isNaN(m) !== isNaN(n)) return isNaN(m) ? 1 : -1;
        return x.localeCompare(y);
      };
      const rows = [...body.rows].sort((a, b) => down ? compare(b, a) : compare(a, b));
      body.append(...rows);
    };
    heading.tabIndex = 0;
    heading.addEventListener("click", sort);
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
    });
  });
}
// A link to a row opens what folds it, and one to a section that is folded as a whole the section.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  const whole = target && target.querySelector(":scope > details.whole");
  if (whole) whole.open = true;
  if (target) target.scrollIntoView({ block: whole ? "start" : "center" });
};
addEventListener("hashchange", reveal);
reveal();
