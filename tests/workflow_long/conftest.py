"""The deployed application of the workflow tests."""

from tests.workflow.conftest import app as app
from tests.workflow.conftest import deployed as deployed
from tests.workflow.conftest import name as name
