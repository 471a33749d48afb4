"""The only place that knows aioboto3: sessions and regions, the door that all calls go through, and their pace."""
