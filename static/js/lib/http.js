/**
 * HTTP requests to the server: JSON, CSRF, a time limit, and one kind of error.
 */

const TIMEOUT_MS = 8000;
// Messages for the user stay for the next page that the user opens (config/context_processors.py).
const IN_BACKGROUND = { "X-Rollcall-Background": "1" };

/** A request that failed or was refused. */
export class HttpError extends Error {
  /**
   * @param {object} what
   * @param {number} what.status the HTTP status; 0 if there was no response
   * @param {string} what.code the server's `code`, or "network", "timeout", "http"
   * @param {string} what.detail the server's message for the user; may be empty
   * @param {number|null} what.retryAfter seconds to wait, as the server asks
   * @param {object|null} what.body the whole response, for example with field `errors`
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

  /** Whether the same request may succeed later: no response, busy, or a server error. */
  get isTemporary() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/**
 * Fetch JSON.
 *
 * @param {string} url
 * @param {object} [options]
 * @param {AbortSignal} [options.signal] aborts the request, which then rejects with an AbortError
 * @param {string} [options.etag] the ETag of the response that the page shows
 * @param {Record<string, string>} [options.headers] additional headers
 * @param {number} [options.timeout] milliseconds
 * @returns {Promise<{data: any, etag: string|null, unchanged: boolean}>} `data` is null if `unchanged`
 * @throws {HttpError}
 */
export async function getJSON(url, { signal, etag, timeout, headers } = {}) {
  const known = etag ? { "If-None-Match": etag } : {};
  const response = await request(url, { method: "GET", headers: { ...headers, ...known }, signal, timeout });
  const unchanged = response.status === 304;
  return {
    data: unchanged ? null : await dataOf(response),
    etag: response.headers.get("ETag") || (unchanged ? etag : null),
    unchanged,
  };
}

/**
 * Fetch an HTML page or a part of one.
 *
 * @param {string} url
 * @param {object} [options] as for `getJSON`
 * @returns {Promise<{html: Document|null, etag: string|null}>} `html` is null if it is unchanged
 * @throws {HttpError}
 */
export async function getHTML(url, { signal, etag, timeout } = {}) {
  const headers = { Accept: "text/html", ...IN_BACKGROUND, ...(etag ? { "If-None-Match": etag } : {}) };
  const response = await request(url, { method: "GET", headers, signal, timeout });
  if (response.status === 304) return { html: null, etag };
  if (!response.ok) dataOf(response);
  const html = new DOMParser().parseFromString(response.text, "text/html");
  return { html, etag: response.headers.get("ETag") };
}

/**
 * POST JSON and return the JSON of the response (null if it is empty).
 * @throws {HttpError}
 */
export const postJSON = (url, body = {}, options = {}) => send("POST", url, body, options);

/**
 * PUT JSON and return the JSON of the response (null if it is empty).
 * @throws {HttpError}
 */
export const putJSON = (url, body = {}, options = {}) => send("PUT", url, body, options);

/**
 * Send a form as a browser does, and return the page that it leads to.
 * @param {string} url
 * @param {[string, string][]} fields names and values
 * @returns {Promise<{html: Document, address: string, isRedirected: boolean}>}
 * @throws {HttpError} its `detail` is the heading of an error page
 */
export async function postForm(url, fields, { timeout } = {}) {
  const headers = { Accept: "text/html", "X-CSRFToken": csrfToken() };
  const body = new URLSearchParams(fields);
  const response = await request(url, { method: "POST", headers, body, timeout, redirect: "follow" });
  const html = new DOMParser().parseFromString(response.text, "text/html");
  if (!response.ok) throw errorOf(response, { detail: html.querySelector("h1")?.textContent.trim() });
  return { html, address: response.url, isRedirected: response.redirected };
}

async function send(method, url, body, { signal, timeout, headers } = {}) {
  const all = { ...headers, "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  return dataOf(await request(url, { method, headers: all, body: JSON.stringify(body), signal, timeout }));
}

/** The cookie comes first: it is newer than the form field after signing in again in another tab. */
function csrfToken() {
  // Under https its name has a prefix. One without it may be left from before.
  const [cookie] = ["__Host-csrftoken", "csrftoken"]
    .map((name) => document.cookie.match(`(?:^|;\\s*)${name}=([^;]+)`))
    .filter(Boolean);
  if (cookie) return decodeURIComponent(cookie[1]);
  return document.querySelector('input[name="csrfmiddlewaretoken"]')?.value ?? "";
}

async function request(url, { method, headers, body, signal, timeout = TIMEOUT_MS, redirect = "error" }) {
  const limit = new AbortController();
  // The limit covers the body too, because a connection may die in the middle of it.
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
      // A redirect of a request for JSON would lead to the sign-in page, which is not an answer.
      redirect,
    });
    const text = response.status === 304 ? "" : await response.text();
    const { ok, status, url: address, redirected } = response;
    return { ok, status, headers: response.headers, text, url: address, redirected };
  } catch {
    if (signal?.aborted) throw new DOMException("stopped", "AbortError");
    const code = limit.signal.aborted ? "timeout" : "network";
    throw new HttpError({ status: 0, code, detail: "" });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

function dataOf(response) {
  const body = parse(response.text);
  if (!response.ok) throw errorOf(response, body);
  if (body === undefined) throw new HttpError({ status: 0, code: "not_json", detail: "" });
  return body;
}

function errorOf({ status, headers }, body) {
  return new HttpError({
    status,
    code: body?.code ?? "http",
    detail: body?.detail ?? "",
    retryAfter: retryAfter(headers),
    body: body ?? null,
  });
}

/** @returns the value, null for empty text, undefined for invalid JSON */
function parse(text) {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Retry-After is a number of seconds or a date. Returns seconds. */
function retryAfter(headers) {
  const value = headers.get("Retry-After");
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}
