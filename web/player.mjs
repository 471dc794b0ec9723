// SPDX-License-Identifier: Apache-2.0
//
// Plays an HLS manifest in a <video>: with hls.js when the origin has it, else with the browser's own player.

/** The class Hls, or null where hls.js is missing or can not work. */
async function loadHls() {
  try {
    const module = await import('/vendor/hls.mjs');
    // The file is a part of a bundle with shortened names: `t` makes a player, whose class is what is wanted here.
    const probe = module.t(document.createElement('video'), '/healthz');
    const Hls = probe.constructor;
    probe.destroy();
    return typeof Hls?.isSupported === 'function' && Hls.isSupported() ? Hls : null;
  } catch {
    return null;
  }
}

/** The name of a size is the folder of its playlist, such as `480p`; else its number of lines. */
function levelName(level) {
  const folder = new URL(level.uri ?? level.url[0]).pathname.split('/').at(-2);
  return /^\d+p$/.test(folder) ? folder : `${level.height}p`;
}

/**
 * Starts `video` on `manifestUrl` at `startSeconds`; `isGrowing`: the video is still in work. `events` may have `levels(names)` (low to high, empty when the
 * browser decides alone), `playing(name)` (the size that is shown) and `failed(sentence)`.
 * Returns `select(index)` (-1 for automatic), `reload()` (reads the list of sizes again) and `destroy()`.
 */
export async function play(video, manifestUrl, startSeconds, isGrowing, events, signal) {
  const Hls = await loadHls();
  if (signal.aborted) return { select() {}, reload() {}, destroy() {} };
  if (Hls) return playWithHls(Hls, video, manifestUrl, startSeconds, isGrowing, events);
  if (video.canPlayType('application/vnd.apple.mpegurl')) return playNatively(video, manifestUrl, startSeconds, events);
  events.failed('This browser can not play HLS, and the player library is not installed on this origin.');
  return { select() {}, reload() {}, destroy() {} };
}

function playWithHls(Hls, video, manifestUrl, startSeconds, isGrowing, events) {
  const hls = new Hls({
    // A list that grows looks like a live stream, which would start near its end.
    startPosition: startSeconds > 0 || isGrowing ? startSeconds : -1,
    capLevelToPlayerSize: true,
    maxBufferLength: 30,
    backBufferLength: 60,
  });
  video.dataset.engine = 'hls.js';
  let recoveries = 0;
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    events.levels(hls.levels.map(levelName));
    video.play().catch(() => {});
  });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, data) => events.playing(levelName(hls.levels[data.level])));
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (!data.fatal) return;
    const status = data.response?.code;
    if (status === 403) {
      hls.stopLoad();
      events.failed('This playback link has expired. Load the page again to get a new one.');
    } else if (data.type === Hls.ErrorTypes.MEDIA_ERROR && recoveries < 3) {
      recoveries += 1;
      hls.recoverMediaError();
    } else {
      hls.stopLoad();
      events.failed(status ? `The video can not be loaded (${status}).` : networkSentence(manifestUrl));
    }
  });
  hls.loadSource(manifestUrl);
  hls.attachMedia(video);
  return {
    select(index) {
      // At once: what is buffered of the former size is dropped from the next segment on.
      hls.nextLevel = index;
      if (index === -1) hls.loadLevel = -1;
    },
    reload() {
      hls.config.startPosition = video.currentTime;
      hls.loadSource(manifestUrl);
    },
    destroy() {
      hls.destroy();
    },
  };
}

function playNatively(video, manifestUrl, startSeconds, events) {
  video.dataset.engine = 'native';
  const onMetadata = () => {
    if (startSeconds > 0) video.currentTime = startSeconds;
    events.playing(video.videoHeight ? `${video.videoHeight}p` : '');
  };
  const onResize = () => events.playing(video.videoHeight ? `${video.videoHeight}p` : '');
  const onError = () => events.failed(networkSentence(manifestUrl));
  video.addEventListener('loadedmetadata', onMetadata);
  video.addEventListener('resize', onResize);
  video.addEventListener('error', onError);
  events.levels([]);
  video.src = manifestUrl;
  video.play().catch(() => {});
  return {
    select() {},
    reload() {
      startSeconds = video.currentTime;
      video.src = manifestUrl;
    },
    destroy() {
      video.removeEventListener('loadedmetadata', onMetadata);
      video.removeEventListener('resize', onResize);
      video.removeEventListener('error', onError);
      video.removeAttribute('src');
      video.load();
    },
  };
}

function networkSentence(manifestUrl) {
  const edge = new URL(manifestUrl).origin;
  return `The edge at ${edge} can not be reached, or its certificate is not trusted by this browser.`;
}
