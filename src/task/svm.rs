//! Certificates of support vector machines: objectives and duality gaps from raw parameters, whoever found these.
