// The only file that goes through a bundler (make vendor); its output, page/lib/ui.js, is committed.
import { h, render } from 'preact';
import htm from 'htm';
export { render };
export { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
export { signal, computed, effect, batch, untracked } from '@preact/signals';
export const html = htm.bind(h);
