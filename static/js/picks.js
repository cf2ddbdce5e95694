/** Adds up the sections that are picked for a group, and their students. */
import { setText } from "./text.js";

const form = document.getElementById("pick-form");
if (form) {
  form.addEventListener("change", addUp);
  // A page that comes back from the history keeps its boxes.
  window.addEventListener("pageshow", addUp);
  addUp();
}

function addUp() {
  const picked = [...form.querySelectorAll("[name=sections]:checked")];
  const students = picked.reduce((sum, box) => sum + Number(box.dataset.students), 0);
  setText(form.querySelector("[data-sum-sections]"), picked.length);
  setText(form.querySelector("[data-sum-students]"), students);
  const word = form.querySelector("[data-sum-word]");
  setText(word, picked.length === 1 ? word.dataset.one : word.dataset.more);
  form.querySelector("[data-sum]").hidden = false;
}
