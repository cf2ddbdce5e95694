/** Set an element's text only if it differs, so that a selection in it stays. */
export function setText(element, text) {
  const wanted = String(text ?? "");
  if (element && element.textContent !== wanted) element.textContent = wanted;
}

/** The text without accents and in lower case, for comparing. */
export const searchable = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** The words of a search. */
export const words = (text) => searchable(text).split(/\s+/).filter(Boolean);

/** The hours and minutes of an ISO timestamp. It is in the institution's time zone, so nothing is converted. */
export const clock = (timestamp) => (timestamp ? timestamp.slice(11, 16) : "");

/** The same with seconds. */
export const clockSeconds = (timestamp) => (timestamp ? timestamp.slice(11, 19) : "");
