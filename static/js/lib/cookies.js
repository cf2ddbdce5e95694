/** @returns {boolean} whether the browser keeps cookies: it is asked to, because its own answer ignores some ways of blocking */
export function keepsCookies() {
  try {
    document.cookie = "rollcall_cookie_test=1; path=/; SameSite=Strict";
    const isKept = document.cookie.includes("rollcall_cookie_test=1");
    document.cookie = "rollcall_cookie_test=; path=/; max-age=0";
    return isKept;
  } catch {
    // Where cookies are forbidden altogether, even asking is.
    return false;
  }
}
