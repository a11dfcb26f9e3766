"""Time-series forecasting with stacked LSTMs."""
