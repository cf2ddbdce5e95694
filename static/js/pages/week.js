/** The teacher's week: the left and right arrow keys turn to the week before and after. */
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  const link = document.querySelector(`[data-key="${event.key}"]`);
  if (link) location.assign(link.href);
});
