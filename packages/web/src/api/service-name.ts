const SERVICE_NAME = /^[\w+=,.@:-]{1,128}$/;

/** Whether the server takes this as the name of a service: that of an IAM role, or one like it. */
export function isServiceName(text: string): boolean {
  return SERVICE_NAME.test(text);
}
