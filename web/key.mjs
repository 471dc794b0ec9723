// SPDX-License-Identifier: Apache-2.0
//
// The API key: asked for when a call needs it.

import { ApiError, storeKey, storedKey } from './api.mjs';
import { ask, toast } from './dom.mjs';

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
