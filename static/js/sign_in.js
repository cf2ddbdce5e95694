/**
 * The sign-in page: says when cookies are blocked, and forgets what the phone kept of whoever was signed in before.
 * Scans that wait stay: each is under the name of who made it, and is sent as nobody else's.
 */
import { forget } from "./phone_memory.js";

forget("state:");
document.querySelector("[data-no-cookies]").hidden = navigator.cookieEnabled;
