"""The run-time type checker of the tests: beartype, with whole numbers as floats.

``float`` admits ``int`` for every static checker (PEP 484); beartype needs to be told.
"""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
