// Tables that sort by the heading pressed: numbers as numbers, what has none always last.

function sortKey(row, column) {
  const cell = row.cells[column];
  if ("number" in cell.dataset) return cell.dataset.number === "" ? null : Number(cell.dataset.number);
  const text = (cell.dataset.sort ?? cell.textContent).trim(), number = Number(text);
  return text !== "" && Number.isFinite(number) ? number : text;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortTable(table, column, ascending) {
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: sortKey(row, column) }));
  rows.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    return ascending ? compare(a.key, b.key) : compare(b.key, a.key);
  });
  table.tBodies[0].append(...rows.map(({ row }) => row));
}

// Rows that hold every word of the filter before a table; the others are hidden.
function filterTable(box, table) {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
    const kept = words.every((word) => text.includes(word));
    row.classList.toggle("filtered", !kept);
    shown += kept;
  }
  box.closest(".filter").querySelector("span").textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length}` : "";
}

function prepareTables() {
  for (const box of document.querySelectorAll(".filter input")) {
    const table = box.closest(".filter").nextElementSibling.querySelector("table");
    box.addEventListener("input", () => filterTable(box, table));
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortTable(table, column, ascending);
    }));
  }
}
