"""``huitong doctor``: looks a node over and says what to do; changes nothing.

``examine`` is the entrance. Each other file has the checks of one kind, which take a
``Subject`` and give ``Finding``s; a check that cannot look says nothing, because another
finding says why.
"""
