/** A backend gave no usable response in time. `backend` is a word for the log, for example `dynamodb`. */
export class BackendUnavailable extends Error {
  override readonly name = 'BackendUnavailable';
  constructor(
    readonly backend: string,
    options?: ErrorOptions,
  ) {
    super(`${backend} is unavailable`, options);
  }
}
