"""Old systems as sources of records, and as places where received payloads go.

A connector is a definition in YAML. A *source* (SQL table or view, REST endpoint, folder
of files) gives rows; each row becomes a document by the definition's mapping, and the
document a record. A *sink* (SQL table, folder, webhook) takes what other members
delivered.

What a source says is signed by its member and no more: the grade of such a record is
``signed``, and the record names the source and the snapshot that it came from.
"""
