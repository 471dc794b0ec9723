// SPDX-License-Identifier: Apache-2.0
//
// The entry: decides by the address what is shown, and owns what is on every page.

import { ApiError, adoptKeyFromAddress, storeKey, storedKey } from './api.mjs';
import { ask, toast } from './dom.mjs';
import { showLibrary } from './library.mjs';
import { setUpUploads } from './uploads.mjs';
import { showWatch } from './watch.mjs';

const main = document.getElementById('main');
/** Ends the present view: streams, timers, the player. */
let leave = () => {};

function route() {
  leave();
  main.replaceChildren();
  const watch = /^\/watch\/([A-Za-z0-9]+)$/.exec(location.pathname) ?? /^#\/watch\/([A-Za-z0-9]+)$/.exec(location.hash);
  leave = watch ? showWatch(main, watch[1], go) : showLibrary(main, go);
  scrollTo(0, 0);
}

/** Goes to another address of the app without loading the page again. */
export function go(path) {
  history.pushState(null, '', path);
  route();
  main.focus({ preventScroll: true });
}

/** Asks for the API key; true when there is one afterwards. */
export async function askForKey(reason) {
  const dialog = document.getElementById('key-dialog');
  const input = document.getElementById('key-input');
  input.value = storedKey();
  if (reason) toast(reason, 'error');
  if ((await ask(dialog)) !== 'save') return false;
  storeKey(input.value.trim());
  return storedKey() !== '';
}

/** Runs a call that needs the key; asks for the key when there is none or it is refused, then tries again. */
export async function withKey(action) {
  if (!storedKey() && !(await askForKey())) throw new DOMException('cancelled', 'AbortError');
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      if (!(await askForKey('This API key is not accepted.'))) throw new DOMException('cancelled', 'AbortError');
    }
  }
}

adoptKeyFromAddress();
document.getElementById('key-button').addEventListener('click', () => askForKey());
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-link]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  go(link.getAttribute('href'));
});
addEventListener('popstate', route);
setUpUploads({ withKey, go });
route();
