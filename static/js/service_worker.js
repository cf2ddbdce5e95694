/**
 * Stores the student's page for offline use: its files and the last page from the server. While the server responds, its
 * response is shown. All other pages and forms are answered offline with a page that says so. API responses are never
 * stored here.
 *
 * config/phone_app.py serves this script with its settings, which change whenever one of the page's files does.
 */
const { version, files, staticUrl, studentUrl, homeUrl, signOutUrl, offlineUrl } = self.rollcall;
const FILE_CACHE = `rollcall-files-${version}`;
// The same name as in lib/phone_storage.js. It holds one page, of the student who is signed in.
const PAGE_CACHE = "rollcall-page";
const RESPONSE_WAIT_MS = 6000;
const HASHED = /\.[0-9a-f]{12}\.\w+$/;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(FILE_CACHE).then((cache) => cache.addAll([...files, offlineUrl])));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("rollcall-files-") && name !== FILE_CACHE) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

/** The page that installed this worker was loaded without it, so it asks to be stored. */
self.addEventListener("message", (event) => {
  if (event.data !== "keep-page") return;
  // Messages for the student stay for the next page that the student opens (config/context_processors.py).
  const headers = { "X-Rollcall-Background": "1" };
  event.waitUntil(fetch(studentUrl, { redirect: "manual", headers }).then(storePage).catch(() => {}));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    const isStored = request.method === "GET" && isStudentAddress(pathname);
    event.respondWith(isStored ? page(event, pathname) : otherPage(event, pathname));
  } else if (request.method === "GET" && pathname.startsWith(staticUrl)) {
    event.respondWith(file(request, pathname));
  }
});

function isStudentAddress(pathname) {
  return pathname === studentUrl || pathname === homeUrl || /^\/[aj]\//i.test(pathname);
}

/** The server's response; if there is none, the stored page. */
async function page(event, pathname) {
  const response = fetch(event.request);
  const slow = new Promise((resolve) => setTimeout(resolve, RESPONSE_WAIT_MS));
  if (pathname === studentUrl) {
    // Store it even if it arrives too late to be shown.
    event.waitUntil(response.then((arrived) => storePage(arrived.clone())).catch(() => {}));
  }
  const first = await Promise.race([response.catch(() => null), slow]);
  const stored = first ? null : await (await caches.open(PAGE_CACHE)).match(studentUrl, { ignoreVary: true });
  return first ?? stored ?? response.catch(offlinePage);
}

/** The server's response to any other page or form; if there is none, the page that says so. */
async function otherPage(event, pathname) {
  try {
    const response = await fetch(event.request);
    const isSignedOut = pathname === signOutUrl && response.type === "opaqueredirect";
    if (isSignedOut) await caches.delete(PAGE_CACHE);
    return response;
  } catch {
    return offlinePage();
  }
}

async function offlinePage() {
  return (await (await caches.open(FILE_CACHE)).match(offlineUrl, { ignoreVary: true })) ?? Response.error();
}

/** Store the student's page with its time. Any other response means that there is no student's page, so delete it. */
async function storePage(response) {
  if (response.status >= 500) return;
  const pages = await caches.open(PAGE_CACHE);
  const html = response.ok ? await response.text() : "";
  if (!html.includes(" data-student ")) {
    await pages.delete(studentUrl);
    return;
  }
  const marked = html.replace(" data-student ", ` data-student data-kept="${Date.now()}" `);
  const headers = new Headers(response.headers);
  // The stored text is no longer compressed.
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  await pages.put(studentUrl, new Response(marked, { headers }));
}

/** Files with a hash in their name never change. All others are fetched first. */
async function file(request, pathname) {
  const cache = await caches.open(FILE_CACHE);
  const stored = await cache.match(request, { ignoreVary: true });
  if (stored && HASHED.test(pathname)) return stored;
  try {
    const response = await fetch(request);
    if (response.ok && response.status === 200) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    if (stored) return stored;
    throw error;
  }
}
