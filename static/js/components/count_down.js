/**
 * Counts the seconds of `data-count-down` in the element's `data-left`. When they are over, `data-after` takes the place of
 * `data-before`.
 */

/** @param {ParentNode} root */
export function countDown(root = document) {
  for (const element of root.querySelectorAll("[data-count-down]")) start(element);
}

function start(element) {
  const [left, before, after] = ["left", "before", "after"].map((name) => element.querySelector(`[data-${name}]`));
  const end = Date.now() + Number(element.dataset.countDown) * 1000;
  const timer = setInterval(() => {
    const seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds > 0) return;
    clearInterval(timer);
    before.hidden = true;
    after.hidden = false;
  }, 1000);
}
