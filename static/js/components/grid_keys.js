/**
 * Moves the focus in a table with the arrow keys, as in a spreadsheet: the whole table is one stop of the Tab key.
 */
const PAGE_ROWS = 10;

/**
 * @param {HTMLTableElement} table
 * @param {(cell: HTMLTableCellElement, event: KeyboardEvent) => boolean} onKey called with each other key; returns whether
 *   it was used
 * @returns {{focus: (cell: HTMLTableCellElement) => void}}
 */
export function gridKeys(table, onKey) {
  table.setAttribute("role", "grid");
  for (const link of table.querySelectorAll("a")) link.tabIndex = -1;
  let current = targetOf(table.tBodies[0].rows[0].cells[2]);
  current.tabIndex = 0;

  table.addEventListener("focusin", ({ target }) => {
    const cell = target.closest("th, td");
    if (!cell || target !== targetOf(cell) || target === current) return;
    current.tabIndex = -1;
    current = target;
    current.tabIndex = 0;
  });

  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("th, td");
    if (!cell || event.altKey) return;
    const next = event.shiftKey ? null : neighbour(cell, event);
    if (next) focus(next);
    else if (!onKey(cell, event)) return;
    event.preventDefault();
  });

  function neighbour(cell, { key, ctrlKey, metaKey }) {
    const rows = [...table.rows];
    const row = rows.indexOf(cell.parentElement);
    const forward = getComputedStyle(table).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const isFar = ctrlKey || metaKey;
    const cellAt = (y, x) => rows[clamp(y, rows.length)].cells[clamp(x, cell.parentElement.cells.length)];
    switch (key) {
      case "ArrowUp":
        return cellAt(isFar ? 1 : row - 1, cell.cellIndex);
      case "ArrowDown":
        return cellAt(isFar ? rows.length : row + 1, cell.cellIndex);
      case "ArrowLeft":
      case "ArrowRight":
        if (isFar) return null;
        return cellAt(row, cell.cellIndex + (key === forward ? 1 : -1));
      case "Home":
        return cellAt(isFar ? 1 : row, 2);
      case "End":
        return cellAt(isFar ? rows.length : row, Infinity);
      case "PageUp":
        return cellAt(Math.max(row - PAGE_ROWS, 1), cell.cellIndex);
      case "PageDown":
        return cellAt(row + PAGE_ROWS, cell.cellIndex);
      default:
        return null;
    }
  }

  function focus(cell) {
    const target = targetOf(cell);
    if (target === cell) cell.tabIndex = -1;
    target.focus();
    // It may have had the focus already, out of sight.
    target.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  return { focus };
}

const targetOf = (cell) => cell.querySelector("a") ?? cell;

const clamp = (number, length) => Math.min(Math.max(number, 0), length - 1);
