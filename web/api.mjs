// SPDX-License-Identifier: Apache-2.0
//
// Calls of the origin's API. Every failure becomes an Error whose message is a sentence for the person.

const keyName = 'spillway.key';
const sessionName = 'spillway.session';

/** Why a call failed: `status` is the HTTP status, 0 when the origin was not reached. */
export class ApiError extends Error {
  constructor(status, message, type) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

/** Takes `#key=…` out of the address, so that a link can hand over the key without sending it to the server. */
export function adoptKeyFromAddress() {
  const match = /^#key=(.+)$/.exec(location.hash);
  if (!match) return;
  storeKey(decodeURIComponent(match[1]));
  history.replaceState(history.state, '', location.pathname + location.search);
}

export function storedKey() {
  return localStorage.getItem(keyName) ?? '';
}

export function storeKey(key) {
  if (key) localStorage.setItem(keyName, key);
  else localStorage.removeItem(keyName);
}

/** This browser's name in the watch history: random, not a person's. */
export function session() {
  let name = localStorage.getItem(sessionName);
  if (!name) {
    name = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
    localStorage.setItem(sessionName, name);
  }
  return name;
}

async function call(method, path, body, options = {}) {
  const headers = {};
  const key = storedKey();
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), ...options,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The origin can not be reached. Check the connection and try again.');
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  throw await problemError(response);
}

async function problemError(response) {
  let detail = `The origin answered ${response.status}.`;
  let type = '';
  try {
    const problem = await response.json();
    detail = problem.detail || problem.title || detail;
    type = problem.type || '';
  } catch {
    // No problem document: the status has to do.
  }
  return new ApiError(response.status, detail, type);
}

const video = (id) => `/v1/videos/${encodeURIComponent(id)}`;

export const api = {
  list: (cursor, signal) =>
    call('GET', `/v1/videos?limit=24${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`, undefined, { signal }),
  get: (id, signal) => call('GET', video(id), undefined, { signal }),
  create: (fields) => call('POST', '/v1/videos', fields),
  complete: (id) => call('POST', `${video(id)}/complete`, {}),
  change: (id, fields) => call('PATCH', video(id), fields),
  remove: (id) => call('DELETE', video(id)),
  playback: (id, signal) => call('POST', `${video(id)}/playback`, { session: session() }, { signal }),
  position: (id, signal) => call('GET', `${video(id)}/watch?session=${session()}`, undefined, { signal }),
  /** `keepalive` lets the last report leave while the page closes. */
  reportPosition: (id, positionSeconds, keepalive = false) =>
    call('PUT', `${video(id)}/watch`, { session: session(), positionSeconds }, { keepalive }),
};

/**
 * Open event streams. A browser opens six connections to one host in all, so only so many videos are followed by a
 * stream; further ones are asked for from time to time.
 */
const streamsMax = 3;
const pollMilliseconds = 2500;
const followed = new Map();

/**
 * Follows a video until it is READY or FAILED; `changed` gets the video each time. Returns a function that stops.
 * Whoever follows the same video shares one stream.
 */
export function followVideo(id, changed) {
  let entry = followed.get(id);
  if (!entry) {
    entry = { listeners: new Set(), last: null };
    followed.set(id, entry);
    const tell = (video) => {
      entry.last = video;
      for (const listener of [...entry.listeners]) listener(video);
      if (video.status === 'READY' || video.status === 'FAILED') end();
    };
    const end = () => {
      entry.stop();
      followed.delete(id);
    };
    const streams = [...followed.values()].filter((other) => other.isStream).length;
    entry.isStream = streams < streamsMax;
    entry.stop = entry.isStream ? followByStream(id, tell, end) : followByPolling(id, tell, end);
  }
  entry.listeners.add(changed);
  // Later, so that the caller has what this returns before it hears the first time.
  queueMicrotask(() => {
    if (entry.last && entry.listeners.has(changed)) changed(entry.last);
  });
  return () => {
    entry.listeners.delete(changed);
    if (entry.listeners.size > 0 || followed.get(id) !== entry) return;
    entry.stop();
    followed.delete(id);
  };
}

function followByStream(id, tell, end) {
  const source = new EventSource(`${video(id)}/events`);
  source.addEventListener('progress', (event) => tell(JSON.parse(event.data)));
  // The browser connects again by itself after a broken connection, but not after a refusal.
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) end();
  };
  return () => source.close();
}

function followByPolling(id, tell, end) {
  const timer = setInterval(async () => {
    try {
      tell(await api.get(id));
    } catch (error) {
      if (error.status === 404) end();
    }
  }, pollMilliseconds);
  return () => clearInterval(timer);
}

/** Sends a file to its upload URL. `progress` gets the sent bytes. The result has `promise` and `abort`. */
export function sendFile(upload, file, progress) {
  const request = new XMLHttpRequest();
  const promise = new Promise((resolve, reject) => {
    request.open(upload.method, upload.url);
    for (const [name, value] of Object.entries(upload.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve();
      const message = /<Message>([^<]*)<\/Message>/.exec(request.responseText)?.[1];
      reject(new ApiError(request.status, message || `The upload was refused (${request.status}).`));
    };
    request.onerror = () => reject(new ApiError(0, 'The connection broke while the file was being sent.'));
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
    request.send(file);
  });
  return { promise, abort: () => request.abort() };
}
