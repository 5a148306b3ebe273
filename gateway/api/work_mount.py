"""All routers of the store's work, API and pages, to be mounted together."""

from typing import Final

from fastapi import APIRouter

from gateway.api import stock_count_scans, stock_documents, stock_orders, stock_work_in, stock_work_out, stock_work_scan
from gateway.pages import (
    count_review_pages,
    count_routes,
    count_stocktake_routes,
    count_tag_papers,
    count_tag_routes,
    document_files,
    document_lists,
    document_routes,
    order_routes,
    work_in_routes,
    work_out_case_routes,
    work_out_destroy_routes,
    work_out_hold_routes,
    work_out_patient,
    work_out_routes,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    stock_documents.router,
    stock_orders.router,
    stock_work_in.router,
    stock_work_scan.router,
    document_routes.router,
    document_files.router,
    document_lists.router,
    order_routes.router,
    work_in_routes.router,
    stock_work_out.router,
    work_out_routes.router,
    work_out_hold_routes.router,
    work_out_case_routes.router,
    work_out_destroy_routes.router,
    work_out_patient.router,
    stock_count_scans.router,
    count_routes.router,
    count_review_pages.router,
    count_stocktake_routes.router,
    count_tag_papers.router,
    count_tag_routes.router,
)
