/** Carries an e-mail address typed on the sign-in page to the pages that ask for it, in this tab. */

const KEY = "rollcall:address";

/** @param {string} typed what was typed; a user name is not kept */
export function keepAddress(typed) {
  try {
    if (typed.includes("@")) sessionStorage.setItem(KEY, typed.trim());
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is blocked: the address is typed again.
  }
}

/** @returns {string} the address that was kept, or "" */
export function takeAddress() {
  try {
    const address = sessionStorage.getItem(KEY) ?? "";
    sessionStorage.removeItem(KEY);
    return address;
  } catch {
    return "";
  }
}
