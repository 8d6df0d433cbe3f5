"""Evidence bundles: what one exchange was, in one file that a judge can check offline.

* ``container``: a ZIP archive that has exactly one form.
* ``model``, ``entries``: what a bundle says, and the files that say it.
* ``manifest``, ``signing``: digests of all entries, signed by the maker's account.
* ``trust``, ``headers``: from a header somebody trusts to every header of a bundle.
* ``checks``, ``verify``: all that must hold, one check after another.
* ``report``: the bundle for people, in Chinese and English.
* ``collect``, ``refresh``: make a bundle from live zones; prove it to newer headers.
"""
