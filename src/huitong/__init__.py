"""Huitong 汇通: permissioned chains that exchange data, with a proof for every answer."""

__version__ = "0.1.0"
