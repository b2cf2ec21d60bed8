"""The page verify, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/verify.py."""

from curation.ui.pages.verify import main

main()
