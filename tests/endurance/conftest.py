"""The accounts of the functional tests, and the deployed application of the workflow tests."""

from tests.functional.conftest import account as account
from tests.functional.conftest import clients_stay as clients_stay
from tests.workflow.conftest import app as app
from tests.workflow.conftest import deployed as deployed
from tests.workflow.conftest import name as name
