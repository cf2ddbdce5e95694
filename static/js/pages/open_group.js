/** The page that opens a group: shows how many sections are selected and how many students they have. */
import "../components/student_list/search_field.js";
import { setText } from "../lib/text.js";

const form = document.getElementById("pick-form");
if (form) {
  form.addEventListener("change", showTotals);
  // A page restored from the history keeps its checked boxes.
  window.addEventListener("pageshow", showTotals);
  showTotals();
}

function showTotals() {
  const selected = [...form.querySelectorAll("[name=sections]:checked")];
  const students = selected.reduce((sum, box) => sum + Number(box.dataset.students), 0);
  setText(form.querySelector("[data-sum-sections]"), selected.length);
  setText(form.querySelector("[data-sum-students]"), students);
  const word = form.querySelector("[data-sum-word]");
  setText(word, selected.length === 1 ? word.dataset.one : word.dataset.more);
  form.querySelector("[data-sum]").hidden = false;
}
