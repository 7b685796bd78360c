"""What the events say from which something follows. They come from clients of all ages: what is not known is left."""

from app.core.schemas import Schema


class ReadingLogged(Schema):
    """How far a reader is with a holding; who has finished it may have stopped, too."""

    collection_item_id: int
    finished: bool = False
    stopped: bool = False
