from tests.flow import conftest as flow

exchange = flow.exchange
