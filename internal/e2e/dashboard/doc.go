// Package dashboard drives the page that sluice serves in a headless Chromium, with the
// real binary and real traffic behind it. Without the browser its tests say so
// and are skipped, but not in CI.
package dashboard
