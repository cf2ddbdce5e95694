/**
 * Keeps the student's page for a dead zone: its files, and the page as the server last gave it. While the server
 * answers, its answer is what is shown. Answers of the API are never kept here.
 *
 * config/phone_app.py serves this with its settings, which change whenever one of the page's files does.
 */
const { version, files, staticUrl, studentUrl, homeUrl, signOutUrl } = self.rollcall;
const FILES = `rollcall-files-${version}`;
// As in phone_memory.js. One page, of the student who is signed in.
const PAGES = "rollcall-page";
const PATIENCE_MS = 6000;
const HASHED = /\.[0-9a-f]{12}\.\w+$/;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(FILES).then((cache) => cache.addAll(files)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("rollcall-files-") && name !== FILES) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

/** The page that brought this worker was loaded without it. */
self.addEventListener("message", (event) => {
  if (event.data === "keep-page") event.waitUntil(fetch(studentUrl, { redirect: "manual" }).then(keepPage).catch(() => {}));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (pathname === signOutUrl && request.method === "POST") event.waitUntil(caches.delete(PAGES));
    else if (request.method === "GET" && isStudents(pathname)) event.respondWith(page(event, pathname));
  } else if (request.method === "GET" && pathname.startsWith(staticUrl)) {
    event.respondWith(file(request, pathname));
  }
});

function isStudents(pathname) {
  return pathname === studentUrl || pathname === homeUrl || /^\/[aj]\//i.test(pathname);
}

/** The server's answer; where none comes, the page that was kept. */
async function page(event, pathname) {
  const answer = fetch(event.request);
  const slow = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  if (pathname === studentUrl) {
    // Also when it comes too late to be shown.
    event.waitUntil(answer.then((response) => keepPage(response.clone())).catch(() => {}));
  }
  const first = await Promise.race([answer.catch(() => null), slow]);
  return first ?? (await (await caches.open(PAGES)).match(studentUrl, { ignoreVary: true })) ?? answer;
}

/** Keeps the student's page with the moment at which it was true; any other answer means that there is none now. */
async function keepPage(response) {
  if (response.status >= 500) return;
  const pages = await caches.open(PAGES);
  const html = response.ok ? await response.text() : "";
  if (!html.includes(" data-student ")) {
    await pages.delete(studentUrl);
    return;
  }
  const marked = html.replace(" data-student ", ` data-student data-kept="${Date.now()}" `);
  const headers = new Headers(response.headers);
  // The text is unpacked by now.
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  await pages.put(studentUrl, new Response(marked, { headers }));
}

/** A name with a hash is good for ever; of another one the newest is wanted. */
async function file(request, pathname) {
  const cache = await caches.open(FILES);
  const known = await cache.match(request, { ignoreVary: true });
  if (known && HASHED.test(pathname)) return known;
  try {
    const response = await fetch(request);
    if (response.ok && response.status === 200) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    if (known) return known;
    throw error;
  }
}
