/** What the forms for signing in and for passwords share: count-downs, passwords that can be shown, a note on cookies. */
import { countDown } from "./count_down.js";
import { offerToShowPasswords } from "./show_password.js";
import { keepsCookies } from "../lib/cookies.js";

export function prepareForm() {
  countDown();
  offerToShowPasswords();
  const note = document.querySelector("[data-no-cookies]");
  if (note) note.hidden = keepsCookies();
}
