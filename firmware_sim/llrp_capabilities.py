"""What the simulated LLRP reader says about itself: a small fixed reader for the Vietnamese UHF band.

Sources: LLRP 1.0.1 section 9 (capabilities); Vietnam's band for UHF RFID is 920-923 MHz (Circular 08/2021/TT-BTTTT).
"""

from llrpkit.protocol import enums, messages, params

EXAMPLE_ENTERPRISE_NUMBER = 32473
"""Reserved for documentation (RFC 5612): this reader is nobody's product, so no vendor extension is offered."""
_VIETNAM = 704
"""ISO 3166-1 numeric."""
_LOWEST_POWER_DBM = 10
_POWER_STEPS = 21
_MAXIMUM_ROSPECS = 4


def success() -> params.LLRPStatus:
    """M_Success."""
    return params.LLRPStatus(status_code=enums.StatusCode.M_Success)


def failure(code: enums.StatusCode, description: str) -> params.LLRPStatus:
    """A refusal with its reason."""
    return params.LLRPStatus(status_code=code, error_description=description)


def capabilities_response(antenna_count: int) -> messages.GET_READER_CAPABILITIES_RESPONSE:
    """The whole answer, whatever part was asked for (LLRP allows more than asked)."""
    return messages.GET_READER_CAPABILITIES_RESPONSE(
        llrp_status=success(),
        general_device_capabilities=_general(antenna_count),
        llrp_capabilities=params.LLRPCapabilities(
            can_do_rf_survey=False,
            can_report_buffer_fill_warning=False,
            supports_client_request_op_spec=False,
            can_do_tag_inventory_state_aware_singulation=False,
            supports_event_and_report_holding=True,
            max_num_priority_levels_supported=1,
            max_num_ro_specs=_MAXIMUM_ROSPECS,
            max_num_specs_per_ro_spec=4,
            max_num_inventory_parameter_specs_per_ai_spec=1,
            max_num_access_specs=4,
            max_num_op_specs_per_access_spec=8,
        ),
        regulatory_capabilities=params.RegulatoryCapabilities(
            country_code=_VIETNAM, communications_standard=0, uhf_band_capabilities=_uhf_band()
        ),
    )


def _general(antenna_count: int) -> params.GeneralDeviceCapabilities:
    return params.GeneralDeviceCapabilities(
        max_number_of_antenna_supported=antenna_count,
        can_set_antenna_properties=False,
        has_utc_clock_capability=True,
        device_manufacturer_name=EXAMPLE_ENTERPRISE_NUMBER,
        model_name=1,
        reader_firmware_version="1.0.0",
        receive_sensitivity_table_entrys=[
            params.ReceiveSensitivityTableEntry(index=1, receive_sensitivity_value=0),
        ],
        gpio_capabilities=params.GPIOCapabilities(num_gp_is=0, num_gp_os=0),
        per_antenna_air_protocols=[
            params.PerAntennaAirProtocol(
                antenna_id=antenna_id, protocol_id=bytes((enums.AirProtocols.EPCGlobalClass1Gen2,))
            )
            for antenna_id in range(1, antenna_count + 1)
        ],
    )


def _uhf_band() -> params.UHFBandCapabilities:
    return params.UHFBandCapabilities(
        transmit_power_level_table_entrys=[
            params.TransmitPowerLevelTableEntry(index=step + 1, transmit_power_value=100 * (_LOWEST_POWER_DBM + step))
            for step in range(_POWER_STEPS)
        ],
        frequency_information=params.FrequencyInformation(
            hopping=True,
            frequency_hop_tables=[
                params.FrequencyHopTable(hop_table_id=1, frequency=[920_250 + 500 * channel for channel in range(6)])
            ],
        ),
        air_protocol_uhfrf_mode_tables=[
            params.C1G2UHFRFModeTable(
                c1_g2_uhfrf_mode_table_entrys=[
                    params.C1G2UHFRFModeTableEntry(
                        mode_identifier=2,  # dense reader, Miller 4
                        dr_value=True,
                        epchagtc_conformance=False,
                        m_value=enums.C1G2MValue.MV_4,
                        forward_link_modulation=0,
                        spectral_mask_indicator=2,
                        bdr_value=274_000,
                        pie_value=1500,
                        min_tari_value=6250,
                        max_tari_value=25_000,
                        step_tari_value=1875,
                    )
                ]
            )
        ],
    )
