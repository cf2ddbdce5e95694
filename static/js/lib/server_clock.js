/** The server's time, estimated from its responses without this device's clock. All times are in milliseconds. */
export class ServerClock {
  #offset = null;

  /**
   * Update the estimate from a response. The server wrote its time between the two moments. An estimate that fits is
   * kept, so that the clock doesn't jump with each response.
   *
   * @param {number} sentAt when the request was sent, by performance.now()
   * @param {number} receivedAt when the response arrived, by performance.now()
   * @param {number} serverTime the server's time since 1970
   */
  update({ sentAt, receivedAt, serverTime }) {
    const least = serverTime - receivedAt;
    const most = serverTime - sentAt;
    if (this.#offset === null || this.#offset < least || this.#offset > most) this.#offset = (least + most) / 2;
  }

  now() {
    return performance.now() + this.#offset;
  }
}
