"""A proposal and a table read without a configuration, from hints and wishes given by name."""

from dataclasses import fields

from forecast.init import propose as proposing
from forecast.init import unconfigured
from forecast.init.hints import Hints, Wishes

WISHES = {field.name for field in fields(Wishes)}


def read_unconfigured(table, **hints):
    return unconfigured.read_unconfigured(table, Hints(**hints))


def propose(table, affordable=None, **given):
    wishes = {name: value for name, value in given.items() if name in WISHES}
    hints = {name: value for name, value in given.items() if name not in WISHES}
    return proposing.propose(table, Hints(**hints), Wishes(**wishes), affordable=affordable)
