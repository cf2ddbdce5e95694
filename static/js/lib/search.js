/** Finds students and sections by number or name, and says how well each one matches. */
import { searchable, words } from "./text.js";

/**
 * How well an item matches what was typed: 0 is an exact match of its first number, 1 of its second, and so on; then the
 * start of a number or of a word; then any part of a text. Infinity is no match. Parts of numbers never match: "06" is
 * not S0006.
 *
 * @param {string} typed
 * @param {{numbers: string[], texts: string[]}} item its numbers, the most important first, and its other texts
 */
export function rankOf(typed, { numbers, texts }) {
  const item = { numbers: numbers.map(searchable), texts: texts.map(searchable) };
  const exact = item.numbers.indexOf(words(typed).join(" "));
  if (exact >= 0) return exact;
  return Math.max(...words(typed).map((word) => rankOfWord(word, item)));
}

function rankOfWord(word, { numbers, texts }) {
  if (numbers.some((number) => startOf(number, word) !== null) || texts.some((text) => ` ${text}`.includes(` ${word}`))) {
    return numbers.length;
  }
  return texts.some((text) => text.includes(word)) ? numbers.length + 1 : Infinity;
}

/** Where the number starts with the word: leading zeros may be left out, so "6" finds "06". Null if it doesn't. */
function startOf(number, word) {
  const zeros = /^0*/.exec(number)[0].length;
  return [0, zeros].find((start) => number.startsWith(word, start)) ?? null;
}

/** Highlight the words in a number, if it starts with one. */
export function highlightNumber(element, typed) {
  highlight(element, typed, (number, word) => startOf(number, word) ?? -1);
}

/** Highlight the words in a text, at the start of a word if there is one. */
export function highlightText(element, typed) {
  highlight(element, typed, (text, word) => {
    const start = ` ${text}`.indexOf(` ${word}`);
    return start >= 0 ? start : text.indexOf(word);
  });
}

function highlight(element, typed, find) {
  // A letter with its accents or vowel signs must stay in one piece.
  const letters = element.textContent.match(/.\p{M}*/gsu) ?? [];
  const plain = letters.map(searchable);
  // For each character of the plain text, the letter that it comes from.
  const origins = plain.flatMap((characters, letter) => Array(characters.length).fill(letter));
  const found = new Set();
  for (const word of words(typed)) {
    const start = find(plain.join(""), word);
    if (start >= 0) for (const letter of origins.slice(start, start + word.length)) found.add(letter);
  }
  if (found.size === 0 && !element.querySelector("mark")) return;
  const parts = [];
  letters.forEach((letter, place) => {
    const isFound = found.has(place);
    const last = parts[parts.length - 1];
    if (last?.isFound === isFound) last.text += letter;
    else parts.push({ isFound, text: letter });
  });
  element.replaceChildren(...parts.map(({ isFound, text }) => (isFound ? marked(text) : text)));
}

function marked(text) {
  const mark = document.createElement("mark");
  mark.textContent = text;
  return mark;
}
