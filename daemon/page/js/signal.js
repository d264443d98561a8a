// A value that others watch.

export class Signal {
  #value;
  #watchers = new Set();

  constructor(value) {
    this.#value = value;
  }

  get value() {
    return this.#value;
  }

  set value(next) {
    if (next === this.#value) return;
    const before = this.#value;
    this.#value = next;
    for (const watcher of [...this.#watchers]) watcher(next, before);
  }

  /** Calls back with the value now and whenever it changes. Returns what ends it. */
  watch(watcher) {
    this.#watchers.add(watcher);
    watcher(this.#value, undefined);
    return () => this.#watchers.delete(watcher);
  }
}
