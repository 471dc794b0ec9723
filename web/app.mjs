// SPDX-License-Identifier: Apache-2.0
//
// The entry: decides by the address what is shown, and owns what is on every page.

import { adoptKeyFromAddress } from './api.mjs';
import { askForKey } from './key.mjs';
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
function go(path) {
  history.pushState(null, '', path);
  route();
  main.focus({ preventScroll: true });
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
setUpUploads();
route();
