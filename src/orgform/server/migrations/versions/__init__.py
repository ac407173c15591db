"""The revisions, one file each. A file that was released is never changed again."""
