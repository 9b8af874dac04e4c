import { ErrorCode } from "../../protocol/errors.ts";

/** What every request about access rules is answered with: there is nobody here who would keep them. */
export const NO_AUTHORIZER: { readonly errorCode: number; readonly errorMessage: string } = {
  errorCode: ErrorCode.SECURITY_DISABLED,
  errorMessage: "the in-process broker has no authorizer",
};
