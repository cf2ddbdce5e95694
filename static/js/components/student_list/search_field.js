/**
 * Search fields that hide the items that don't match:
 * `<input type="search" data-filter="#list" data-none="#nothing-found" hidden>`, with parts/shown_note.html below. Each
 * item of the list has its searchable text in `data-item`. The search is forgotten when the user leaves the page.
 */
import { rankOf } from "../../lib/search.js";
import { ShownNote } from "./shown_note.js";

for (const field of document.querySelectorAll("[data-filter]")) {
  const list = document.querySelector(field.dataset.filter);
  const none = document.querySelector(field.dataset.none);
  const items = [...list.querySelectorAll("[data-item]")];
  const matches = () => items.filter((item) => !item.hidden);
  const note = new ShownNote(document.querySelector("[data-shown-note]"), () => {
    field.value = "";
    filter();
    field.focus();
  });

  const filter = () => {
    const typed = field.value.trim();
    for (const item of items) {
      item.hidden = typed !== "" && rankOf(typed, { numbers: [], texts: [item.dataset.item] }) === Infinity;
    }
    none.hidden = matches().length > 0;
    note.explain("");
    note.show(matches().length, items.length, typed !== "");
  };

  field.hidden = false;
  filter();
  field.addEventListener("input", filter);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    // The field may be in a form, which must not be sent by a search.
    event.preventDefault();
    if (!field.value.trim()) return;
    if (matches().length > 1) note.explain("several", matches().length);
    else matches()[0]?.querySelector("[type=checkbox], [type=submit]").focus();
  });
}
