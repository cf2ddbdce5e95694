/**
 * Django's admin: names its autocompleting fields (select2) for screen readers. select2 builds them when jQuery says that
 * the page is ready, so this asks jQuery too. A search field appears when its list opens.
 */

// select2 puts a button that clears the whole list where only items may be. Each item has its own button.
for (const select of document.querySelectorAll("select.admin-autocomplete[multiple]")) {
  select.dataset.allowClear = "false";
}

// An empty header cell, above Django's links to rows, is not a header.
for (const header of document.querySelectorAll("thead th:empty")) {
  const cell = document.createElement("td");
  cell.className = header.className;
  header.replaceWith(cell);
}

// The fields of a table of related rows have only the heads of their columns, which name nothing for a screen reader.
for (const table of document.querySelectorAll(".tabular table")) {
  for (const field of table.querySelectorAll("tbody td :is(input, select, textarea):not([type=hidden])")) {
    const column = field.closest("td").className.match(/field-(\S+)/)?.[1];
    const head = column && table.querySelector(`thead .column-${column}`)?.childNodes[0]?.textContent.trim();
    if (head && !field.labels?.length && !field.hasAttribute("aria-label")) field.setAttribute("aria-label", head);
  }
}

window.django?.jQuery?.(() => {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const label = select.labels[0];
    const box = select.nextElementSibling;
    if (!box?.matches(".select2-container")) continue;
    const chosen = box.querySelector(".select2-selection--single .select2-selection__rendered");
    if (!label) {
      // In a table of related rows: named after its column, as above.
      if (select.hasAttribute("aria-label")) chosen?.setAttribute("aria-label", select.getAttribute("aria-label"));
      continue;
    }
    label.id ||= `${select.id}_label`;
    chosen?.setAttribute("aria-labelledby", label.id);
    const field = box.querySelector(".select2-selection");
    field.setAttribute("aria-labelledby", [label.id, chosen?.id].filter(Boolean).join(" "));
    box.querySelector(".select2-search__field")?.setAttribute("aria-labelledby", label.id);
  }
});

document.addEventListener("focusin", ({ target }) => {
  if (!target.matches(".select2-search__field")) return;
  const id = target.getAttribute("aria-controls")?.match(/^select2-(.+)-results$/)?.[1];
  const label = id && document.getElementById(id)?.labels?.[0];
  if (label) target.setAttribute("aria-labelledby", label.id);
});
