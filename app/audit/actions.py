"""The words of the audit: every action that is put on record, and what it says."""

DENIED = "access.denied"
VIEWED = "user.viewed"

ACTIONS = {
    DENIED: "an account was refused what it may not do (403), with the permission or the fields",
    "api_key.created": "a service account got an API key",
    "api_key.revoked": "an API key was revoked",
    "api_key.rotated": "an API key was replaced by a new one",
    "class_code.rotated": "a class got a new code to join by",
    "school.deleted": "a school was deleted",
    "school.state_changed": "a school was made active, inactive or pending",
    "school.terms_accepted": "the terms of use were accepted for a school",
    "service_account.created": "a service account was made",
    "service_account.deactivated": "a service account was deactivated",
    "service_account.rotated": "a service account got a new token",
    "service_account.updated": "a service account was changed",
    "session.ended": "one sign-in of a person was ended",
    "sessions.ended": "all sign-ins of a person were ended",
    "sign_in.refused": "somebody tried to sign in and could not",
    "sign_in.succeeded": "a person signed in",
    "task.discarded": "tasks that had failed or waited were given up",
    "task.replayed": "tasks that had failed were to be tried again",
    "token.minted": "a token was made to act as another account",
    "user.created": "a person's account was made",
    "user.deactivated": "a person's account was deactivated",
    "user.deleted": "a person's account was deleted",
    "user.email_changed": "a person's e-mail address was changed",
    "user.reactivated": "a person's account was made active again",
    "user.rights_changed": "a person's rights were changed",
    "user.type_changed": "a person's account became one of another kind",
    VIEWED: "somebody else than the child or a parent looked at a child's record",
    "webhook.created": "a receiver was registered to be told of a school's events",
    "webhook.deleted": "a webhook was deleted",
    "webhook.rotated": "a webhook got a new secret to sign with",
    "webhook.switched_off": "the system switched a webhook off, for its receiver is gone or has failed for days",
    "webhook.updated": "a webhook was changed, such as its address, or switched off or on",
}
"""In the order of the alphabet."""
