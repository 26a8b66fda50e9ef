"""The accounts and clients of the functional tests."""

from tests.functional.conftest import account as account
from tests.functional.conftest import clients_stay as clients_stay
