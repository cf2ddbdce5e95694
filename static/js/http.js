/**
 * The one way in which pages talk to the server: JSON, CSRF, a time limit, and one kind of error.
 */

const TIMEOUT_MS = 8000;

/** A request that brought no good answer. */
export class HttpError extends Error {
  /**
   * @param {object} what
   * @param {number} what.status the HTTP status; 0 when no answer came at all
   * @param {string} what.code the server's `code`, or "network", "timeout", "http"
   * @param {string} what.detail words for people from the server; empty where it gave none
   * @param {number|null} what.retryAfter seconds the server asks to wait
   * @param {object|null} what.body the whole answer, such as the `errors` of each field
   */
  constructor({ status, code, detail, retryAfter = null, body = null }) {
    super(detail || code);
    this.name = "HttpError";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter;
    this.body = body;
  }

  /** No answer came, or the server was not able to give one: the same request may succeed later. */
  get isTemporary() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/**
 * Fetch JSON.
 *
 * @param {string} url
 * @param {object} [options]
 * @param {AbortSignal} [options.signal] ends the request early; it then rejects with the signal's own reason
 * @param {string} [options.etag] the ETag of the answer that the page already shows
 * @param {Record<string, string>} [options.headers] more headers
 * @param {number} [options.timeout] milliseconds
 * @returns {Promise<{data: any, etag: string|null, unchanged: boolean}>} `data` is null where `unchanged` is true
 * @throws {HttpError}
 */
export async function getJSON(url, { signal, etag, timeout, headers } = {}) {
  const known = etag ? { "If-None-Match": etag } : {};
  const response = await request(url, { method: "GET", headers: { ...headers, ...known }, signal, timeout });
  const unchanged = response.status === 304;
  return {
    data: unchanged ? null : await answer(response),
    etag: response.headers.get("ETag") || (unchanged ? etag : null),
    unchanged,
  };
}

/**
 * Fetch a page, or a part of one.
 *
 * @param {string} url
 * @param {object} [options] as of `getJSON`
 * @returns {Promise<{html: Document|null, etag: string|null}>} `html` is null where it is as the page already shows it
 * @throws {HttpError}
 */
export async function getHTML(url, { signal, etag, timeout } = {}) {
  const headers = { Accept: "text/html", ...(etag ? { "If-None-Match": etag } : {}) };
  const response = await request(url, { method: "GET", headers, signal, timeout });
  if (response.status === 304) return { html: null, etag };
  if (!response.ok) answer(response);
  const html = new DOMParser().parseFromString(response.text, "text/html");
  return { html, etag: response.headers.get("ETag") };
}

/**
 * Send JSON by POST and read the JSON of the answer (null where it is empty).
 * @throws {HttpError}
 */
export const postJSON = (url, body = {}, options = {}) => send("POST", url, body, options);

/**
 * Send JSON by PUT and read the JSON of the answer (null where it is empty).
 * @throws {HttpError}
 */
export const putJSON = (url, body = {}, options = {}) => send("PUT", url, body, options);

async function send(method, url, body, { signal, timeout, headers } = {}) {
  const all = { ...headers, "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  return answer(await request(url, { method, headers: all, body: JSON.stringify(body), signal, timeout }));
}

/** The cookie is newer than the form field when somebody signed in anew in another tab. */
function csrfToken() {
  const cookie = document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/);
  if (cookie) return decodeURIComponent(cookie[1]);
  return document.querySelector('input[name="csrfmiddlewaretoken"]')?.value ?? "";
}

async function request(url, { method, headers, body, signal, timeout = TIMEOUT_MS }) {
  const limit = new AbortController();
  // The limit holds until the whole body is read: a connection that died in the middle must not hang.
  const timer = setTimeout(() => limit.abort(), timeout);
  const giveUp = () => limit.abort();
  if (signal?.aborted) giveUp();
  signal?.addEventListener("abort", giveUp);
  try {
    const response = await fetch(url, {
      method,
      headers: { Accept: "application/json", ...headers },
      body,
      signal: limit.signal,
      credentials: "same-origin",
      cache: "no-store",
      // A redirect here is one to the sign-in page: not an answer.
      redirect: "error",
    });
    const text = response.status === 304 ? "" : await response.text();
    return { ok: response.ok, status: response.status, headers: response.headers, text };
  } catch {
    if (signal?.aborted) throw signal.reason;
    const code = limit.signal.aborted ? "timeout" : "network";
    throw new HttpError({ status: 0, code, detail: "" });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

function answer({ ok, status, headers, text }) {
  const body = parsed(text);
  if (ok) {
    if (body === undefined) throw new HttpError({ status: 0, code: "not_json", detail: "" });
    return body;
  }
  throw new HttpError({
    status,
    code: body?.code ?? "http",
    detail: body?.detail ?? "",
    retryAfter: retryAfter(headers),
    body: body ?? null,
  });
}

/** @returns the value, null for an empty text, undefined for a text that is not JSON */
function parsed(text) {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Retry-After is a number of seconds or a date. */
function retryAfter(headers) {
  const value = headers.get("Retry-After");
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}
