/** The part of a list that `--limit` and `--page` ask for. */
export function pageOf(options: { limit: number | undefined; page: string | undefined }): {
  limit?: number;
  page?: string;
} {
  const limit = options.limit;
  const page = options.page;
  return { ...(limit !== undefined && { limit }), ...(page !== undefined && { page }) };
}
