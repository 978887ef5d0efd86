/** No variable with this beginning reaches an action, a platform or a key. */
export const SECRET_PREFIX = "PIPELINE_REMOTE_";
