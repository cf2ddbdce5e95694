/** The server's time, known from its answers and never from this device's clock. All moments are in milliseconds. */
export class ServerClock {
  #ahead = null;

  /**
   * Learn from an answer. The server wrote its time somewhere between the two moments; where what is known so far
   * fits that, it stays: so nothing jumps because one answer took longer than another.
   *
   * @param {number} sentAt when the request left, by performance.now()
   * @param {number} receivedAt when its answer was here, by performance.now()
   * @param {number} serverTime what the server wrote, since 1970
   */
  learn({ sentAt, receivedAt, serverTime }) {
    const least = serverTime - receivedAt;
    const most = serverTime - sentAt;
    if (this.#ahead === null || this.#ahead < least || this.#ahead > most) this.#ahead = (least + most) / 2;
  }

  now() {
    return performance.now() + this.#ahead;
  }
}
