"""Titles that the system itself emits: an event of that title is evidence, so only an administrator may post one."""

SYSTEM_TITLES = (
    "API key created",
    "API key revoked",
    "API key rotated",
    "Author created",
    "Authors merged",
    "Booklist created",
    "Booklist deleted",
    "Booklist updated",
    "Bulk created schools",
    "Bulk editions added",
    "Class Deleted",
    "Class Updated",
    "Class code rotated",
    "Collection Deleted",
    "Collection Reset",
    "Collection sync is stale",
    "Collection Update",
    "Collection item activity created",
    "Compared booklist and collection",
    "Created reading pathway lists",
    "Edition created",
    "Edition updated",
    "Email queued",
    "Email sent",
    "Email suppressed",
    "Email suppression lifted",
    "Email unsubscribed",
    "GPT Labeling Failed",
    "Huey Books terms accepted",
    "Hydration: Begin batch",
    "Hydration: Finish",
    "Hydration: Google Books API error",
    "Hydration: Google Books rate limit error",
    "Hydration: Nielsen API error",
    "Hydration: Nielsen rate limit error",
    "Hydration: Open Library API error",
    "Hydration: Open Library rate limit error",
    "Labelling requested",
    "Labels generated",
    "Labelsets updated",
    "Made a recommendation",
    "Merge undone",
    "New class created",
    "New school created",
    "No books",
    "Notification Sent: Reading Logged",
    "Notification: Supporter left feedback",
    "School Deleted",
    "School Updated",
    "SendGrid contact upsert requested",
    "SendGrid email sent",
    "Service account created",
    "Service account credential rotated",
    "Service account deleted",
    "Service account updated",
    "Shopify: Order placed",
    "Student account created",
    "Subscription cancelled",
    "Subscription payment received",
    "Subscription started",
    "Subscription updated",
    "Supporter encouragement: Reading feedback sent",
    "Supporter linked",
    "Supporter unlinked",
    "Token minted",
    "Unknown Book added to Collection",
    "User account created",
    "User account deleted",
    "User created",
    "User email changed",
    "User logged in",
    "User logged out",
    "User logged out everywhere",
    "User updated",
    "Webhook created",
    "Webhook deleted",
    "Webhook secret rotated",
    "Webhook switched off",
    "Webhook updated",
    "Work created",
    "Work deleted",
    "Work referenced by a booklist has no editions",
    "Work updated",
    "Works merged",
)
SYNC_IS_STALE = "Collection sync is stale"
BOOK_REVIEWED = "Huey: Book reviewed"
READING_LOGGED = "Reader timeline event: Reading logged"
PROCESSED_TITLES = frozenset({BOOK_REVIEWED, READING_LOGGED})
"""Titles from which something follows: whoever posts such an event causes a task."""
SYSTEM_TITLE_STEMS = ("School account made ",)
"""Titles that go on with a word of the moment."""


def is_system_title(title: str) -> bool:
    """Whether a reader would take the title for one of the system's, whatever its case and spacing."""
    folded = _folded(title)
    return folded in _titles or f"{folded} ".startswith(_stems)


def _folded(title: str) -> str:
    return " ".join(title.casefold().split())


_titles = frozenset(map(_folded, SYSTEM_TITLES))
_stems = tuple(f"{_folded(stem)} " for stem in SYSTEM_TITLE_STEMS)
